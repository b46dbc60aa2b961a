//! Charts: lines over time, as SVG that the style sheet colours.
//!
//! Drawn here rather than by a library: those write colours into the picture,
//! which then is wrong in the dark and refused by the content-security policy.

use std::fmt;

use crate::figures::grouped;

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
    pub latest: Figure,
}

/// A place on an axis.
#[derive(Debug, Clone, PartialEq)]
pub struct Mark {
    /// Where it is.
    pub at: String,
    /// What stands there.
    pub label: Figure,
}

/// A figure of a chart: short, as English has it, and as it is for the script
/// that writes it as its reader does.
#[derive(Debug, Clone, PartialEq)]
pub struct Figure {
    /// The figure, with no more digits than are shown.
    pub value: f64,
    /// What stands behind it.
    pub unit: &'static str,
}

impl Figure {
    /// A figure with as many digits as the steps of its axis have, and one at least.
    fn on_axis(value: f64, step: f64) -> Self {
        let digits = step.log10().floor().min(-1.0).abs();
        Figure::rounded(value, digits as i32)
    }

    /// A figure with one digit behind the point, or two if it would be nothing.
    fn short(value: f64) -> Self {
        match Figure::rounded(value, 1) {
            nothing if nothing.value == 0.0 => Figure::rounded(value, 2),
            figure => figure,
        }
    }

    fn rounded(value: f64, digits: i32) -> Self {
        let power = 10_f64.powi(digits);
        let value = (value * power).round() / power;
        Figure { value, unit: "" }
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (value, large) = match self.value {
            value if value >= 1e6 => (value / 1e6, "M"),
            value if value >= 1e4 => (value / 1e3, "K"),
            value => (value, ""),
        };
        let value = match large {
            "" => value,
            _ => (value * 10.0).round() / 10.0,
        };
        write!(f, "{}{large}{}", grouped(&value.to_string()), self.unit)
    }
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
                    latest: Figure::short(latest.unwrap_or(0.0)),
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
                Figure::short(highest)
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
                label: Figure::on_axis(value, step),
            }
        })
        .collect()
}

/// Where along the bottom how long ago was. The last one is now.
fn moments(minutes: u32) -> Vec<Mark> {
    (0..=4_u32)
        .map(|quarter| {
            let ago = f64::from(minutes) * f64::from(4 - quarter) / 4.0;
            let (ago, unit) = match minutes >= 240 {
                true => (ago / 60.0, " h"),
                false => (ago, " min"),
            };
            Mark {
                at: format!("{:.1}", LEFT + (RIGHT - LEFT) * f64::from(quarter) / 4.0),
                label: Figure { value: -ago, unit },
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
        assert_eq!(line.latest.to_string(), "3");
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
            (0.07, &["0", "0.05", "0.1"]),
            (3_000.0, &["0", "1,000", "2,000", "3,000"]),
            (45_000.0, &["0", "20K", "40K", "60K"]),
        ] {
            let chart = chart(vec![Some(highest)]);

            let shown: Vec<_> = chart
                .grid
                .iter()
                .map(|mark| mark.label.to_string())
                .collect();
            assert_eq!(shown, labels);
        }
    }

    #[test]
    fn a_day_is_drawn_with_as_many_points_as_can_be_seen() {
        let chart = chart(vec![Some(1.0); 1440]);

        assert_eq!(chart.lines[0].path.matches(['M', 'L']).count(), 360);
    }
}
