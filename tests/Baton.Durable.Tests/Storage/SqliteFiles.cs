using Baton.Durable.Storage.Sqlite;
using Xunit;

namespace Baton.Durable.Tests.Storage;

/// <summary>Looks into a database file behind the store's back.</summary>
internal static class SqliteFiles
{
    /// <summary>That SQLite itself finds the file, its indexes and its free list consistent.</summary>
    public static void AssertIntact(string file)
    {
        using var connection = new SqliteConnection(file);
        using var report = connection.Prepare("PRAGMA integrity_check").Begin();
        Assert.True(report.Step());
        Assert.Equal("ok", report.Text(0));
    }

    public static long Scalar(string file, string sql)
    {
        using var connection = new SqliteConnection(file);
        return connection.Scalar(sql);
    }

    public static void Execute(string file, string sql)
    {
        using var connection = new SqliteConnection(file);
        connection.Execute(sql);
    }
}
