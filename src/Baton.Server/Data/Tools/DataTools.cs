using Baton.Server.Errors;
using Baton.Server.Hosting;
using Baton.Server.Settings;
using Microsoft.EntityFrameworkCore;

namespace Baton.Server.Data.Tools;

/// <param name="Database">sqlite or postgres.</param>
/// <param name="Pending">Migrations that are to be applied.</param>
public sealed record DataStatus(string Database, IReadOnlyList<string> Applied, IReadOnlyList<string> Pending, IReadOnlyList<RecordTable> Tables);

/// <summary>What `baton db` does to the records of a data folder, or to those of the database that settings name.</summary>
public static class DataTools
{
    public static async Task<DataStatus> StatusAsync(DatabaseSettings settings, string folder, CancellationToken cancel)
    {
        await using var db = Open(settings, folder);
        var applied = (await db.Database.GetAppliedMigrationsAsync(cancel)).ToList();
        var pending = (await db.Database.GetPendingMigrationsAsync(cancel)).ToList();
        var tables = new List<RecordTable>();
        foreach (var type in pending.Count == 0 ? RecordTable.All(db) : [])
        {
            tables.Add(await RecordTable.DigestAsync(db, type, cancel));
        }
        return new(db is SqliteBatonDb ? "sqlite" : "postgres", applied, pending, tables);
    }

    /// <summary>Applies the migrations that the database lacks. Records on SQLite must not be in use.</summary>
    /// <returns>Those that were applied.</returns>
    public static async Task<IReadOnlyList<string>> MigrateAsync(DatabaseSettings settings, string folder, CancellationToken cancel)
    {
        using var stopped = settings.Postgres is null ? DataFolder.Open(folder) : null;
        await using var db = Open(settings, folder, create: true);
        var pending = (await db.Database.GetPendingMigrationsAsync(cancel)).ToList();
        await DataModule.MigrateAsync(db, cancel);
        return pending;
    }

    /// <summary>
    /// Backs up what the data folder holds, and the records of PostgreSQL where they are there: in one state, as a records.db like
    /// that of a server without PostgreSQL. See <see cref="DataBackup"/>.
    /// </summary>
    public static Task<BackupManifest> BackupAsync(DatabaseSettings settings, string folder, string target, TimeProvider time, CancellationToken cancel) =>
        DataBackup.MakeAsync(folder, target, settings.Postgres is null ? null : file => CopyAsync(settings, new(), file, cancel), time, cancel);

    /// <summary>Restores a backup of either kind: into the data folder, and its records into the empty database that settings name, if they do.</summary>
    public static Task<BackupManifest> RestoreAsync(DatabaseSettings settings, string backup, string folder, CancellationToken cancel) =>
        DataBackup.RestoreAsync(backup, folder, settings.Postgres is null ? null : file => CopyAsync(new(), settings, file, cancel), cancel);

    /// <summary>Moves the records of a stopped server from its data folder to the empty database that settings name. See <see cref="RecordMove"/>.</summary>
    public static async Task<IReadOnlyList<RecordTable>> MoveToPostgresAsync(DatabaseSettings settings, string folder, CancellationToken cancel)
    {
        using var stopped = DataFolder.Open(folder);
        return await CopyAsync(new(), settings, Existing(folder), cancel);
    }

    /// <summary>Moves records back, to a data folder that has none. Whoever works on the database must be stopped: what comes later is not moved.</summary>
    public static async Task<IReadOnlyList<RecordTable>> MoveToSqliteAsync(DatabaseSettings settings, string folder, CancellationToken cancel)
    {
        using var stopped = DataFolder.Open(folder);
        return await CopyAsync(settings, new(), stopped.File(DataModule.FileName), cancel);
    }

    /// <param name="file">Of the side that is on SQLite.</param>
    private static async Task<IReadOnlyList<RecordTable>> CopyAsync(DatabaseSettings from, DatabaseSettings to, string file, CancellationToken cancel)
    {
        await using var source = Connect(from, file);
        await using var target = Connect(to, file);
        await DataModule.MigrateAsync(source, cancel);
        await DataModule.MigrateAsync(target, cancel);
        return await RecordMove.RunAsync(source, target, cancel);
    }

    private static BatonDb Open(DatabaseSettings settings, string folder, bool create = false) =>
        Connect(settings, settings.Postgres is not null || create ? Path.Combine(folder, DataModule.FileName) : Existing(folder));

    private static string Existing(string folder) => Path.Combine(folder, DataModule.FileName) is var file && File.Exists(file) ? file : throw new BatonException(
        ErrorCodes.NotFound, $"there are no records in {Path.GetFullPath(folder)}", null, "name the data folder with --data, or the database with --set Database:Postgres=...");

    private static BatonDb Connect(DatabaseSettings settings, string file)
    {
        if (settings.Postgres is { } postgres)
        {
            var options = new DbContextOptionsBuilder<PostgresBatonDb>();
            DataModule.UsePostgres(options, postgres);
            return new PostgresBatonDb(options.Options);
        }
        var sqlite = new DbContextOptionsBuilder<SqliteBatonDb>();
        DataModule.UseSqlite(sqlite, file);
        return new SqliteBatonDb(sqlite.Options);
    }
}
