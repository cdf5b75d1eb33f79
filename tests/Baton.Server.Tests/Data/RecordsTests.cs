using Baton.Server.Data;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;

namespace Baton.Server.Tests.Data;

public sealed class RecordsTests
{
    [Fact]
    public void Migrations_make_the_model_that_the_code_has()
    {
        using var sqlite = new SqliteDesignTime().CreateDbContext([]);
        using var postgres = new PostgresDesignTime().CreateDbContext([]);

        Assert.False(sqlite.Database.HasPendingModelChanges(), "run eng/migrations");
        Assert.False(postgres.Database.HasPendingModelChanges(), "run eng/migrations");
    }

    [Fact]
    public async Task A_migration_lock_that_a_killed_process_left_stops_nobody()
    {
        await using var server = await TestServer.StartAsync();
        await using (var db = await server.Server.Services.GetRequiredService<IDbContextFactory<BatonDb>>().CreateDbContextAsync())
        {
            await db.Database.ExecuteSqlRawAsync("INSERT INTO __EFMigrationsLock VALUES (1, '2026-01-01 00:00:00')");
        }

        await server.RestartAsync();

        using var response = await server.Http.GetAsync(new Uri("api/v1/processes", UriKind.Relative));
        Assert.True(response.IsSuccessStatusCode);
    }
}
