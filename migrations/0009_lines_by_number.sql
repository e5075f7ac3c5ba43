-- MLS's number of the epoch of a line, 0 where it was not noted: with it a node that comes into its group elsewhere can tell
-- whether the group passed that epoch (docs/PROTOCOL.md §3.6).
ALTER TABLE change_line ADD COLUMN number INTEGER NOT NULL DEFAULT 0;
