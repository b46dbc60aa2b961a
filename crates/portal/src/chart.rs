//! Charts: lines over time, as SVG that the style sheet colours.
//!
//! Drawn here rather than by a library: those write colours into the picture,
//! which then is wrong in the dark and refused by the content-security policy.

/// The picture's size in its own units: about the pixels of a narrow window, so
/// that its texts are as large as others.
const WIDTH: f64 = 400.0;
const HEIGHT: f64 = 150.0;
/// Where the lines are; `chart.html` has these numbers, too.
const LEFT: f64 = 40.0;
const RIGHT: f64 = WIDTH - 6.0;
const TOP: f64 = 10.0;
const BOTTOM: f64 = HEIGHT - 24.0;
/// How many points a line has at most: more can't be seen.
const MAX_POINTS: usize = 360;

/// What is drawn: values at equal steps, none where nothing is known.
#[derive(Debug, Clone)]
pub struct Series {
    /// What they are of.
    pub label: &'static str,
    /// The values, the oldest first.
    pub values: Vec<Option<f64>>,
}

/// A chart, ready for `chart.html`.
#[derive(Debug, Clone)]
pub struct Chart {
    /// What it shows, for who does not see it.
    pub description: String,
    /// The lines.
    pub lines: Vec<Line>,
    /// Horizontal lines with their values.
    pub grid: Vec<Mark>,
    /// Moments along the bottom.
    pub moments: Vec<Mark>,
}

/// A line.
#[derive(Debug, Clone)]
pub struct Line {
    /// What it is of.
    pub label: &'static str,
    /// Which colour it has, from 1.
    pub number: usize,
    /// The line, as SVG's path.
    pub path: String,
    /// What lies below it.
    pub area: String,
    /// Its last value.
    pub latest: String,
}

/// A place on an axis.
#[derive(Debug, Clone, PartialEq)]
pub struct Mark {
    /// Where it is.
    pub at: String,
    /// What stands there.
    pub label: String,
}

impl Chart {
    /// Draws lines over the last `minutes`.
    pub fn new(title: &str, unit: &str, minutes: u32, series: &[Series]) -> Self {
        let drawn: Vec<_> = series
            .iter()
            .map(|series| thinned(&series.values))
            .collect();
        let highest = drawn
            .iter()
            .flatten()
            .flatten()
            .copied()
            .fold(0.0, f64::max);
        let step = round_step(highest);
        let top = (highest / step).ceil().max(1.0) * step;
        let lines: Vec<Line> = series
            .iter()
            .zip(&drawn)
            .enumerate()
            .map(|(index, (series, values))| {
                let (path, area) = paths(values, top);
                let latest = series.values.iter().rev().flatten().next().copied();
                Line {
                    label: series.label,
                    number: index + 1,
                    path,
                    area,
                    latest: number(latest.unwrap_or(0.0)),
                }
            })
            .collect();
        let said = lines
            .iter()
            .map(|line| format!("{} {}", line.label, line.latest));
        let said = said.collect::<Vec<_>>().join(", ");
        Chart {
            description: format!(
                "{title} in the last {}: at most {} {unit}; now {said}",
                span(minutes),
                number(highest)
            ),
            grid: grid(top, step),
            moments: moments(minutes),
            lines,
        }
    }

    /// SVG's `viewBox`.
    pub fn view_box(&self) -> String {
        format!("0 0 {WIDTH} {HEIGHT}")
    }
}

/// At most as many points as can be seen: each the mean of some steps.
fn thinned(values: &[Option<f64>]) -> Vec<Option<f64>> {
    let at_once = values.len().div_ceil(MAX_POINTS).max(1);
    values
        .chunks(at_once)
        .map(|chunk| {
            let known: Vec<f64> = chunk.iter().flatten().copied().collect();
            match known.len() {
                0 => None,
                count => Some(known.iter().sum::<f64>() / count as f64),
            }
        })
        .collect()
}

/// A line and the area below it; both have gaps where nothing is known.
fn paths(values: &[Option<f64>], top: f64) -> (String, String) {
    let last = values.len().saturating_sub(1).max(1) as f64;
    let x = |index: usize| LEFT + (RIGHT - LEFT) * index as f64 / last;
    let y = |value: f64| BOTTOM - (BOTTOM - TOP) * value / top;
    let (mut path, mut area) = (String::new(), String::new());
    let mut run_began: Option<usize> = None;
    let end_of_area = |area: &mut String, index: usize| {
        area.push_str(&format!("L{:.1} {BOTTOM}Z", x(index)));
    };
    for (index, value) in values.iter().enumerate() {
        match (value, run_began) {
            (Some(value), None) => {
                run_began = Some(index);
                path.push_str(&format!("M{:.1} {:.1}", x(index), y(*value)));
                area.push_str(&format!(
                    "M{0:.1} {BOTTOM}L{0:.1} {1:.1}",
                    x(index),
                    y(*value)
                ));
            }
            (Some(value), Some(_)) => {
                let point = format!("L{:.1} {:.1}", x(index), y(*value));
                path.push_str(&point);
                area.push_str(&point);
            }
            (None, Some(_)) => {
                end_of_area(&mut area, index - 1);
                run_began = None;
            }
            (None, None) => {}
        }
    }
    if run_began.is_some() {
        end_of_area(&mut area, values.len() - 1);
    }
    (path, area)
}

/// A step of 1, 2 or 5 times a power of ten, with about three steps to the top.
fn round_step(highest: f64) -> f64 {
    let wanted = (highest / 3.0).max(f64::MIN_POSITIVE);
    if highest <= 0.0 {
        return 1.0;
    }
    let power = 10_f64.powf(wanted.log10().floor());
    let factor = [1.0, 2.0, 5.0, 10.0]
        .into_iter()
        .find(|factor| factor * power >= wanted)
        .unwrap_or(10.0);
    factor * power
}

fn grid(top: f64, step: f64) -> Vec<Mark> {
    let steps = (top / step).round() as u32;
    (0..=steps)
        .map(|index| {
            let value = f64::from(index) * step;
            Mark {
                at: format!("{:.1}", BOTTOM - (BOTTOM - TOP) * value / top),
                label: number(value),
            }
        })
        .collect()
}

fn moments(minutes: u32) -> Vec<Mark> {
    (0..=4_u32)
        .map(|quarter| {
            let ago = f64::from(minutes) * f64::from(4 - quarter) / 4.0;
            let label = match quarter {
                4 => "now".to_owned(),
                _ if minutes >= 240 => format!("−{} h", number(ago / 60.0)),
                _ => format!("−{} min", number(ago)),
            };
            Mark {
                at: format!("{:.1}", LEFT + (RIGHT - LEFT) * f64::from(quarter) / 4.0),
                label,
            }
        })
        .collect()
}

fn span(minutes: u32) -> String {
    match minutes {
        60 => "hour".to_owned(),
        minutes if minutes > 60 => format!("{} hours", minutes / 60),
        minutes => format!("{minutes} minutes"),
    }
}

/// Short, with at most one digit behind the point.
pub fn number(value: f64) -> String {
    let (value, unit) = match value {
        value if value >= 1e6 => (value / 1e6, " M"),
        value if value >= 1e4 => (value / 1e3, " k"),
        value => (value, ""),
    };
    let rounded = (value * 10.0).round() / 10.0;
    match rounded {
        rounded if rounded == 0.0 && value > 0.0 => format!("{value:.2}{unit}"),
        rounded => format!("{rounded}{unit}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chart(values: Vec<Option<f64>>) -> Chart {
        let series = Series {
            label: "in",
            values,
        };
        Chart::new("Messages", "a second", 60, &[series])
    }

    #[test]
    fn a_line_has_gaps_where_nothing_is_known() {
        let chart = chart(vec![None, Some(1.0), Some(2.0), None, Some(3.0)]);

        let line = &chart.lines[0];
        assert_eq!(line.path.matches('M').count(), 2);
        assert_eq!(line.area.matches('Z').count(), 2);
        assert_eq!(line.latest, "3");
    }

    #[test]
    fn nothing_known_is_an_empty_chart_and_no_division_by_zero() {
        for values in [vec![], vec![None, None], vec![Some(0.0)]] {
            let chart = chart(values);

            assert!(!chart.lines[0].path.contains("NaN"));
            assert_eq!(chart.grid.len(), 2);
        }
    }

    #[test]
    fn the_axis_has_round_values_up_to_the_highest() {
        for (highest, labels) in [
            (7.0, &["0", "5", "10"][..]),
            (0.3, &["0", "0.1", "0.2", "0.3"]),
            (45_000.0, &["0", "20 k", "40 k", "60 k"]),
        ] {
            let chart = chart(vec![Some(highest)]);

            let shown: Vec<_> = chart.grid.iter().map(|mark| mark.label.as_str()).collect();
            assert_eq!(shown, labels);
        }
    }

    #[test]
    fn a_day_is_drawn_with_as_many_points_as_can_be_seen() {
        let chart = chart(vec![Some(1.0); 1440]);

        assert_eq!(chart.lines[0].path.matches(['M', 'L']).count(), 360);
    }
}
