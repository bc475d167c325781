-- Forgets what is over. 'unfinished' if there may be more of it.
return answer(forget_some(BATCH) and 'swept' or 'unfinished')
