//! The binding: the only place that names pyo3.
