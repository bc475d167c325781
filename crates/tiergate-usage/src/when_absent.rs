//! What becomes of a store that is not there.

/// What opening a store does when nothing of it is there yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum WhenAbsent {
    /// Makes it, with nothing counted: for those who count.
    #[default]
    Make,
    /// Fails, and changes nothing: for those who look at what others count. To them, a store that they
    /// had made themselves would look like one that lost everything.
    Refuse,
}
