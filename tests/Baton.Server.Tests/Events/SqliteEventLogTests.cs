using Baton.Server.Events.Log;
using Baton.Server.Events.Log.Sqlite;

namespace Baton.Server.Tests.Events;

public sealed class SqliteEventLogTests : EventLogCompliance
{
    private readonly TemporaryFolder folder = new();

    private string File => folder.File("events.db");

    private protected override Task<IEventLog> OpenAsync(EventLogOptions options) => Task.FromResult<IEventLog>(SqliteEventLog.Open(File, options, TimeProvider.System));

    private protected override Task CloseAsync()
    {
        folder.Dispose();
        return Task.CompletedTask;
    }

    [Fact]
    public void A_second_log_on_the_same_file_is_refused() =>
        Assert.Contains("in use", Assert.Throws<EventLogException>(() => SqliteEventLog.Open(File, new(), TimeProvider.System)).Message, StringComparison.Ordinal);

    [Fact]
    public void A_file_of_another_program_is_refused()
    {
        var other = folder.Write("other.db", "this is no database at all, and longer than a header of SQLite, which has a hundred bytes: so it goes on");
        Assert.Throws<EventLogException>(() => SqliteEventLog.Open(other, new(), TimeProvider.System));
    }
}
