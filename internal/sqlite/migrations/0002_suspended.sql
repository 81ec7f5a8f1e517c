-- The intent to hold a run.
ALTER TABLE runs ADD COLUMN suspended INTEGER NOT NULL DEFAULT 0;
