using SQLitePCL;

namespace Baton.Durable.Storage.Sqlite;

/// <summary>Turns SQLite's result codes into <see cref="StoreException"/> with cause and remedy in words.</summary>
internal static class SqliteFailure
{
    public static StoreException Of(int code, string path, sqlite3? db)
    {
        var extended = db is null || db.IsInvalid ? code : raw.sqlite3_extended_errcode(db);
        var detail = db is null || db.IsInvalid ? raw.sqlite3_errstr(code).utf8_to_string() : raw.sqlite3_errmsg(db).utf8_to_string();
        var cause = (code & 0xff) switch
        {
            raw.SQLITE_FULL => $"The disk that holds '{path}' is full. Nothing of this write was kept; free some space and the server goes on by itself.",
            raw.SQLITE_IOERR => $"The disk that holds '{path}' failed to read or write. Nothing of this write was kept; check the disk and the file system's log.",
            raw.SQLITE_CORRUPT => $"'{path}' is damaged. Stop the server, keep a copy of the file and its -wal, and restore a backup.",
            raw.SQLITE_NOTADB => $"'{path}' is not a database file of Baton. Name another file, or move this one away.",
            raw.SQLITE_BUSY or raw.SQLITE_LOCKED => $"Another process holds '{path}' locked. Stop it (a backup tool or a database shell, perhaps), or wait until it is done.",
            raw.SQLITE_CANTOPEN => $"'{path}' cannot be opened. Check that its directory exists and that this user may read and write there.",
            raw.SQLITE_READONLY or raw.SQLITE_PERM => $"'{path}' is not writable for this user. Check the permissions of the file and of its directory.",
            raw.SQLITE_NOMEM => $"No memory was left for an operation on '{path}'.",
            raw.SQLITE_TOOBIG => $"A value was larger than the 1 GB that '{path}' takes.",
            raw.SQLITE_CONSTRAINT => $"A write to '{path}' broke a rule of the store: the same row was added twice.",
            _ => $"An operation on '{path}' failed.",
        };
        return new StoreException($"{cause} (SQLite {extended}: {detail})");
    }
}
