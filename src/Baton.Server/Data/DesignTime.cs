using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Design;

namespace Baton.Server.Data;

/// <summary>Only for `eng/migrations`, which reads the model and touches no database.</summary>
internal sealed class SqliteDesignTime : IDesignTimeDbContextFactory<SqliteBatonDb>
{
    public SqliteBatonDb CreateDbContext(string[] args)
    {
        var options = new DbContextOptionsBuilder<SqliteBatonDb>();
        DataModule.UseSqlite(options, "unused.db");
        return new(options.Options);
    }
}

/// <inheritdoc cref="SqliteDesignTime"/>
internal sealed class PostgresDesignTime : IDesignTimeDbContextFactory<PostgresBatonDb>
{
    public PostgresBatonDb CreateDbContext(string[] args)
    {
        var options = new DbContextOptionsBuilder<PostgresBatonDb>();
        DataModule.UsePostgres(options, "Host=unused");
        return new(options.Options);
    }
}
