namespace Baton.Server.Events.Log.Sqlite;

/// <summary>Something that happens once, and can be waited for.</summary>
internal sealed class Pulse
{
    private readonly TaskCompletionSource source = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public Task Task => source.Task;

    public void Set() => source.TrySetResult();
}

/// <summary>The last events of the log, as many as fit into a number of bytes: consumers that keep up read nothing from the file.</summary>
internal sealed class RecentEvents(int maxBytes)
{
    private readonly Dictionary<long, LoggedEvent> byOffset = [];
    private readonly Queue<LoggedEvent> oldestFirst = new();
    private int bytes;

    public LoggedEvent? Find(long offset) => byOffset.GetValueOrDefault(offset);

    public void Add(LoggedEvent logged)
    {
        byOffset.Add(logged.Offset, logged);
        oldestFirst.Enqueue(logged);
        bytes += logged.Event.Json.Length;
        while (bytes > maxBytes)
        {
            var oldest = oldestFirst.Dequeue();
            byOffset.Remove(oldest.Offset);
            bytes -= oldest.Event.Json.Length;
        }
    }
}
