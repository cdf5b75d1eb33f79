using Baton.Server.Identity;
using Microsoft.AspNetCore.Identity.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Storage.ValueConversion;

namespace Baton.Server.Data;

/// <summary>
/// The records: all relational state. Entities stand in the folders of their concepts, each with a configuration that is
/// found by itself. Times have microseconds, the finest that both databases keep; ids are version 7 UUIDs, so that they
/// sort by creation.
/// </summary>
internal abstract class BatonDb(DbContextOptions options) : IdentityUserContext<BatonUser, Guid>(options)
{
    protected override void OnModelCreating(ModelBuilder builder)
    {
        base.OnModelCreating(builder);
        builder.ApplyConfigurationsFromAssembly(typeof(BatonDb).Assembly);
    }
}

/// <summary>SQLite: times as microseconds since 1970, since it has no type for them that sorts.</summary>
internal sealed class SqliteBatonDb(DbContextOptions<SqliteBatonDb> options) : BatonDb(options)
{
    protected override void ConfigureConventions(ModelConfigurationBuilder configuration) =>
        configuration.Properties<DateTimeOffset>().HaveConversion<Microseconds>();

    private sealed class Microseconds() : ValueConverter<DateTimeOffset, long>(
        time => (time.UtcTicks - DateTimeOffset.UnixEpoch.Ticks) / TimeSpan.TicksPerMicrosecond,
        micros => DateTimeOffset.UnixEpoch.AddTicks(micros * TimeSpan.TicksPerMicrosecond));
}

internal sealed class PostgresBatonDb(DbContextOptions<PostgresBatonDb> options) : BatonDb(options)
{
    protected override void ConfigureConventions(ModelConfigurationBuilder configuration) =>
        configuration.Properties<DateTimeOffset>().HaveConversion<Utc>();

    // timestamptz takes UTC only; ticks below a microsecond would be rounded by the server and differ from what was sent.
    private sealed class Utc() : ValueConverter<DateTimeOffset, DateTimeOffset>(
        time => new DateTimeOffset(time.UtcTicks - (time.UtcTicks % TimeSpan.TicksPerMicrosecond), TimeSpan.Zero),
        time => time);
}
