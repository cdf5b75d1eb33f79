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

    /// <inheritdoc cref="DataBackup"/>
    public static Task<BackupManifest> BackupAsync(string folder, string target, TimeProvider time, CancellationToken cancel) => DataBackup.MakeAsync(folder, target, time, cancel);

    /// <inheritdoc cref="DataBackup.RestoreAsync"/>
    public static Task<BackupManifest> RestoreAsync(string backup, string folder, CancellationToken cancel) => DataBackup.RestoreAsync(backup, folder, cancel);

    /// <inheritdoc cref="RecordMove"/>
    public static async Task<IReadOnlyList<RecordTable>> MoveToPostgresAsync(string folder, string postgres, CancellationToken cancel)
    {
        using var stopped = DataFolder.Open(folder);
        await using var source = Open(new(), folder);
        await using var target = Open(new() { Postgres = postgres }, folder);
        await DataModule.MigrateAsync(source, cancel);
        await DataModule.MigrateAsync(target, cancel);
        return await RecordMove.RunAsync(source, target, cancel);
    }

    private static BatonDb Open(DatabaseSettings settings, string folder, bool create = false)
    {
        if (settings.Postgres is { } postgres)
        {
            var options = new DbContextOptionsBuilder<PostgresBatonDb>();
            DataModule.UsePostgres(options, postgres);
            return new PostgresBatonDb(options.Options);
        }
        var file = Path.Combine(folder, DataModule.FileName);
        if (!create && !File.Exists(file))
        {
            throw new BatonException(ErrorCodes.NotFound, $"there are no records in {Path.GetFullPath(folder)}", null, "name the data folder with --data, or the database with --set Database:Postgres=...");
        }
        var sqlite = new DbContextOptionsBuilder<SqliteBatonDb>();
        DataModule.UseSqlite(sqlite, file);
        return new SqliteBatonDb(sqlite.Options);
    }
}
