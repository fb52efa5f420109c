-- A catalogue as version 1 wrote it, with one video, one refused file and one job. Never to be changed.
CREATE TABLE settings (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT;
CREATE TABLE videos (
    id        TEXT PRIMARY KEY,
    sha256    TEXT NOT NULL,
    size      INTEGER NOT NULL,
    duration  REAL NOT NULL,
    fps       TEXT NOT NULL,
    width     INTEGER NOT NULL,
    height    INTEGER NOT NULL,
    container TEXT NOT NULL,
    added     TEXT NOT NULL
) STRICT;
CREATE TABLE files (
    path     TEXT PRIMARY KEY,
    video_id TEXT REFERENCES videos(id) ON DELETE CASCADE,
    size     INTEGER NOT NULL,
    mtime    INTEGER NOT NULL,
    cause    TEXT,
    try      TEXT,
    CHECK (video_id IS NOT NULL OR cause IS NOT NULL)
) STRICT;
CREATE INDEX files_of_video ON files(video_id);
CREATE VIEW held AS
    SELECT * FROM videos WHERE sha256 = '' OR EXISTS (SELECT 1 FROM files WHERE video_id = videos.id);
CREATE TABLE spaces (
    key   TEXT PRIMARY KEY,
    space TEXT NOT NULL
) STRICT;
CREATE TABLE streams (
    video_id TEXT NOT NULL REFERENCES videos(id) ON DELETE CASCADE,
    stream   TEXT NOT NULL CHECK (stream IN ('frame', 'clip', 'subtitle')),
    space    TEXT NOT NULL REFERENCES spaces(key),
    rows     INTEGER NOT NULL,
    dim      INTEGER NOT NULL,
    PRIMARY KEY (video_id, stream, space)
) STRICT, WITHOUT ROWID;
CREATE TABLE indexed (
    video_id TEXT NOT NULL REFERENCES videos(id) ON DELETE CASCADE,
    space    TEXT NOT NULL REFERENCES spaces(key),
    windows  INTEGER NOT NULL,
    PRIMARY KEY (video_id, space)
) STRICT, WITHOUT ROWID;
CREATE TABLE cues (
    video_id TEXT NOT NULL REFERENCES videos(id) ON DELETE CASCADE,
    number   INTEGER NOT NULL,
    start    REAL NOT NULL,
    end      REAL NOT NULL,
    text     TEXT NOT NULL,
    PRIMARY KEY (video_id, number)
) STRICT, WITHOUT ROWID;
CREATE TABLE models (
    name  TEXT PRIMARY KEY,
    space TEXT NOT NULL REFERENCES spaces(key),
    used  TEXT NOT NULL
) STRICT;
CREATE TABLE jobs (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    path     TEXT NOT NULL UNIQUE,
    size     INTEGER NOT NULL,
    state    TEXT NOT NULL CHECK (state IN ('queued', 'running', 'done', 'refused')),
    attempts INTEGER NOT NULL DEFAULT 0,
    cause    TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE INDEX jobs_by_state ON jobs(state, attempts, id);
INSERT INTO settings VALUES ('rate', '1');
INSERT INTO settings VALUES ('window_rows', '12');
INSERT INTO settings VALUES ('overlap', '6');
INSERT INTO settings VALUES ('model', 'head');
INSERT INTO spaces VALUES ('76dab467ecb2ac6e', '{"video":{"name":"enc","hash":"00"},"text":{"name":"text","hash":"00"},"head":{"name":"head","hash":"00"},"preprocess":"none","sampling":"1fps"}');
INSERT INTO models VALUES ('head', '76dab467ecb2ac6e', '2026-11-20T18:41:15Z');
INSERT INTO videos VALUES ('0123456789abcdef', '0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef', 1000, 12.5, '25/1', 640, 480, 'mp4', '2025-01-02T03:04:05Z');
INSERT INTO files VALUES ('/videos/a.mp4', '0123456789abcdef', 1000, 1735787045000000000, NULL, NULL);
INSERT INTO files VALUES ('/videos/bad.mp4', NULL, 7, 1735787045000000000, 'not a video', 'convert it');
INSERT INTO streams VALUES ('0123456789abcdef', 'frame', '76dab467ecb2ac6e', 13, 512);
INSERT INTO indexed VALUES ('0123456789abcdef', '76dab467ecb2ac6e', 2);
INSERT INTO cues VALUES ('0123456789abcdef', 0, 1.5, 2.5, 'hello');
INSERT INTO jobs VALUES (1, '/videos/later.mp4', 5, 'queued', 1, 'no memory');
PRAGMA user_version = 1;
