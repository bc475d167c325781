//! Which known name an unknown one was probably meant to be.

/// A longer name is a mistake of another sort.
const MAX_LEN: usize = 64;

/// How many names may still be compared. Comparing is quadratic in a name's length, and a file can
/// be wrong in a thousand places.
#[derive(Clone, Copy, Debug)]
pub(super) struct Budget(usize);

impl Budget {
    pub(super) const fn new() -> Self {
        Self(20_000)
    }
}

/// From how many letters on a name that another one begins with is taken for the beginning of it.
const MIN_BEGINNING: usize = 4;

/// The known name that is nearest to `name`, if one is near: at most a third of its letters differ,
/// or it begins with all of them. The first of several that are equally near.
pub(super) fn nearest<'a>(name: &str, known: &[&'a str], budget: &mut Budget) -> Option<&'a str> {
    if name.len() > MAX_LEN {
        return None;
    }
    let name = name.to_ascii_lowercase().replace(['-', ' '], "_");
    let letters = name.chars().count();
    let allowed = (letters / 3).max(1);
    let mut best: Option<(usize, &'a str)> = None;
    let mut beginning = None;
    for &candidate in known {
        if beginning.is_none() && letters >= MIN_BEGINNING && candidate.starts_with(&name) {
            beginning = Some(candidate);
        }
        if candidate.len().abs_diff(name.len()) > allowed * 4 || candidate.len() > MAX_LEN {
            continue;
        }
        if budget.0 == 0 {
            break;
        }
        budget.0 -= 1;
        let distance = strsim::osa_distance(&name, candidate);
        let near = distance <= allowed && distance < letters;
        if near && best.is_none_or(|(least, _)| distance < least) {
            best = Some((distance, candidate));
        }
    }
    best.map(|(_, candidate)| candidate).or(beginning)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
        nearest(name, known, &mut Budget::new())
    }

    #[test]
    fn slips_of_the_finger_are_found() {
        let known = ["free", "pro", "premium", "team_small"];
        assert_eq!(find("premum", &known), Some("premium"));
        assert_eq!(find("Pro", &known), Some("pro"));
        assert_eq!(find("rpo", &known), Some("pro"));
        assert_eq!(find("team-small", &known), Some("team_small"));
    }

    #[test]
    fn a_name_that_was_cut_short_is_found() {
        let known = [
            "sms_messages",
            "workflow_enabled",
            "workflow_executions_monthly",
        ];
        let whole = Some("workflow_executions_monthly");
        assert_eq!(find("workflow_executions", &known), whole);
        assert_eq!(find("sms", &known), None);
    }

    #[test]
    fn other_words_are_not() {
        assert_eq!(find("gold", &["free", "pro"]), None);
        assert_eq!(find("x", &["y"]), None);
        assert_eq!(find("", &["y"]), None);
        assert_eq!(find(&"x".repeat(100), &["x"]), None);
    }

    #[test]
    fn comparing_ends_when_the_budget_does() {
        let mut budget = Budget(1);
        assert_eq!(nearest("pro", &["prx", "pro"], &mut budget), Some("prx"));
        assert_eq!(nearest("pro", &["pro"], &mut budget), None);
    }
}
