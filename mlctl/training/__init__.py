"""Makes pipelines, trains them and measures them with scikit-learn."""
