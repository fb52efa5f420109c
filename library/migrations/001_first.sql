-- One catalogue an archive. Times in videos are seconds; times of day are RFC 3339 in UTC.

-- What was chosen when the archive was made, and what serves now.
CREATE TABLE settings (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT;

-- A video is a content, whatever its files are called.
CREATE TABLE videos (
    id        TEXT PRIMARY KEY,  -- first 16 hex digits of sha256; a name of the user's choice for features made elsewhere
    sha256    TEXT NOT NULL,     -- of the whole content; '' for features made elsewhere, '-' when those are to go
    size      INTEGER NOT NULL,  -- bytes
    duration  REAL NOT NULL,
    fps       TEXT NOT NULL,     -- mean pictures a second as a fraction, 30000/1001; 0/1 when unknown
    width     INTEGER NOT NULL,  -- pixels, as shown
    height    INTEGER NOT NULL,
    container TEXT NOT NULL,     -- mp4, mov, mkv, webm, avi, gif; '' for features made elsewhere
    added     TEXT NOT NULL
) STRICT;

-- A file is a path as it was when it was last looked at. A refused one has a cause, and keeps the video it had before.
CREATE TABLE files (
    path     TEXT PRIMARY KEY,   -- absolute
    video_id TEXT REFERENCES videos(id) ON DELETE CASCADE,
    size     INTEGER NOT NULL,   -- bytes
    mtime    INTEGER NOT NULL,   -- nanoseconds since 1970
    cause    TEXT,               -- why it was refused
    try      TEXT,               -- what to do about it
    CHECK (video_id IS NOT NULL OR cause IS NOT NULL)
) STRICT;
CREATE INDEX files_of_video ON files(video_id);

-- The videos that some file holds, or that were made elsewhere. The others are on their way out.
CREATE VIEW held AS
    SELECT * FROM videos WHERE sha256 = '' OR EXISTS (SELECT 1 FROM files WHERE video_id = videos.id);

-- What the keys of feature and index folders mean.
CREATE TABLE spaces (
    key   TEXT PRIMARY KEY,
    space TEXT NOT NULL          -- JSON
) STRICT;

-- A stream is a feature file that is complete.
CREATE TABLE streams (
    video_id TEXT NOT NULL REFERENCES videos(id) ON DELETE CASCADE,
    stream   TEXT NOT NULL CHECK (stream IN ('frame', 'clip', 'subtitle')),
    space    TEXT NOT NULL REFERENCES spaces(key),
    rows     INTEGER NOT NULL,
    dim      INTEGER NOT NULL,
    PRIMARY KEY (video_id, stream, space)
) STRICT, WITHOUT ROWID;

-- A video is indexed in a space when a published generation of that index holds its windows.
CREATE TABLE indexed (
    video_id TEXT NOT NULL REFERENCES videos(id) ON DELETE CASCADE,
    space    TEXT NOT NULL REFERENCES spaces(key),
    windows  INTEGER NOT NULL,
    PRIMARY KEY (video_id, space)
) STRICT, WITHOUT ROWID;

-- The subtitle lines of a video.
CREATE TABLE cues (
    video_id TEXT NOT NULL REFERENCES videos(id) ON DELETE CASCADE,
    number   INTEGER NOT NULL,
    start    REAL NOT NULL,
    end      REAL NOT NULL,
    text     TEXT NOT NULL,
    PRIMARY KEY (video_id, number)
) STRICT, WITHOUT ROWID;

-- The models this archive has been searched with; settings.model names the one that serves.
CREATE TABLE models (
    name  TEXT PRIMARY KEY,
    space TEXT NOT NULL REFERENCES spaces(key),
    used  TEXT NOT NULL          -- when it was last made to serve
) STRICT;

-- Files that wait to be brought in. A job is running while the process that holds the archive's lock works on it.
CREATE TABLE jobs (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    path     TEXT NOT NULL UNIQUE,
    size     INTEGER NOT NULL,   -- bytes, to tell how much is left
    state    TEXT NOT NULL CHECK (state IN ('queued', 'running', 'done', 'refused')),
    attempts INTEGER NOT NULL DEFAULT 0,  -- how often it was begun since it was last queued
    cause    TEXT NOT NULL DEFAULT ''     -- of the last failed attempt
) STRICT;
CREATE INDEX jobs_by_state ON jobs(state, attempts, id);
