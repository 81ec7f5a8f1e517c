-- When the intent to hold a run, or to let it go on, was said last; 0: never.
ALTER TABLE runs ADD COLUMN suspend_asked INTEGER NOT NULL DEFAULT 0;
UPDATE runs SET suspend_asked = updated WHERE suspended <> 0;
