-- What is used of counters of one subject. From ARGV[4] on each has its kind, bound and name.
local states = {}
for at = 4, #ARGV, 3 do
  states[#states + 1] = state(counter_of(subjects[1], ARGV[at], ARGV[at + 1], ARGV[at + 2]))
end
return answer('states', states)
