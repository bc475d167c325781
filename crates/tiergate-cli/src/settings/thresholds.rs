//! The setting of thresholds.

use tiergate_billing::usage::Thresholds;

use super::fault::Problem;
use super::text::echo;

const REMEDY: &str = "write percentages from 1 to 1000, separated by commas, like `50,80,90,100`, \
                      or `none`";

/// Percentages, separated by commas; or the word for no threshold, because an empty value is a fault.
pub(super) fn read(text: &str) -> Result<Thresholds, Problem> {
    if text == "none" {
        return Ok(Thresholds::none());
    }
    let percents = text.split(',').map(|percent| {
        let percent = percent.trim();
        let is_plain = !percent.is_empty() && percent.bytes().all(|byte| byte.is_ascii_digit());
        let number = percent.parse().ok().filter(|_| is_plain);
        number.ok_or_else(|| {
            let what = format!("`{}` is not a percentage", echo(percent));
            Problem::new(what, REMEDY)
        })
    });
    let percents = percents.collect::<Result<Vec<u16>, _>>()?;
    Thresholds::new(percents).map_err(|error| Problem::new(error.to_string(), REMEDY))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thresholds_are_percentages_with_commas_between() {
        assert_eq!(read("100, 50").unwrap().percents(), [50, 100]);
        assert_eq!(read("none").unwrap(), Thresholds::none());
        for odd in [
            "", "50,", "50%", "+50", "0", "1001", "99999", "half", "50;80",
        ] {
            assert_eq!(read(odd).unwrap_err().remedy, REMEDY, "{odd}");
        }
    }
}
