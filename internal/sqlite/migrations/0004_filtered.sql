-- What a filter left out is known by its URI, and is none of the run's outputs.
ALTER TABLE outputs ADD COLUMN filtered INTEGER NOT NULL DEFAULT 0;
