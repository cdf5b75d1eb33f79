using Baton.Server.Data.Retention;
using Baton.Server.Settings;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;

namespace Baton.Server.Data;

/// <summary>Records on SQLite, or on PostgreSQL where a setting names one.</summary>
internal static class DataModule
{
    public const string FileName = "records.db";

    private const long MigrationLock = 7280000;

    public static void AddData(this IServiceCollection services, DatabaseSettings settings, string dataFolder)
    {
        if (settings.Postgres is { } postgres)
        {
            services.AddPooledDbContextFactory<PostgresBatonDb>(options => UsePostgres(options, postgres));
            services.AddSingleton<IDbContextFactory<BatonDb>, Factory<PostgresBatonDb>>();
        }
        else
        {
            services.AddPooledDbContextFactory<SqliteBatonDb>(options => UseSqlite(options, Path.Combine(dataFolder, FileName)));
            services.AddSingleton<IDbContextFactory<BatonDb>, Factory<SqliteBatonDb>>();
        }
        services.AddSingleton<RetentionSweeper>();
        services.AddHostedService(provider => provider.GetRequiredService<RetentionSweeper>());
        services.AddScoped(provider => provider.GetRequiredService<IDbContextFactory<BatonDb>>().CreateDbContext());
    }

    public static DbContextOptionsBuilder UsePostgres(DbContextOptionsBuilder options, string connection) =>
        options.UseNpgsql(connection);

    public static DbContextOptionsBuilder UseSqlite(DbContextOptionsBuilder options, string file) => options
        .UseSqlite(new SqliteConnectionStringBuilder { DataSource = file, ForeignKeys = true }.ToString())
        .AddInterceptors(new SqliteConnections());

    /// <summary>Applies the migrations that the database lacks; it must not be newer than this program.</summary>
    public static async Task MigrateAsync(IDbContextFactory<BatonDb> factory, CancellationToken cancel)
    {
        await using var db = await factory.CreateDbContextAsync(cancel);
        await MigrateAsync(db, cancel);
    }

    /// <inheritdoc cref="MigrateAsync(IDbContextFactory{BatonDb}, CancellationToken)"/>
    public static async Task MigrateAsync(BatonDb db, CancellationToken cancel)
    {
        if (db is PostgresBatonDb)
        {
            await MigrateLockedAsync(db, cancel);
            return;
        }
        // Whoever migrates has the lock of the data folder: a migration lock found here is one that a killed process left.
        await db.Database.ExecuteSqlRawAsync("DROP TABLE IF EXISTS __EFMigrationsLock", cancel);
        await db.Database.ExecuteSqlRawAsync("PRAGMA journal_mode = WAL", cancel);
        await db.Database.MigrateAsync(cancel);
    }

    /// <summary>Replicas that start at once migrate one after the other. The lock goes with the connection, however this process ends.</summary>
    private static async Task MigrateLockedAsync(BatonDb db, CancellationToken cancel)
    {
        await db.Database.OpenConnectionAsync(cancel);
        try
        {
            await db.Database.ExecuteSqlAsync($"SELECT pg_advisory_lock({MigrationLock})", cancel);
            await db.Database.MigrateAsync(cancel);
            await db.Database.ExecuteSqlAsync($"SELECT pg_advisory_unlock({MigrationLock})", cancel);
        }
        finally
        {
            await db.Database.CloseConnectionAsync();
        }
    }

    private sealed class Factory<T>(IDbContextFactory<T> inner) : IDbContextFactory<BatonDb>
        where T : BatonDb
    {
        public BatonDb CreateDbContext() => inner.CreateDbContext();
    }
}
