namespace Baton.Durable.Engine;

/// <summary>Limits of Temporal's defaults. Sizes in bytes.</summary>
internal sealed record EngineLimits
{
    public int BlobSize { get; init; } = 2 * 1024 * 1024;

    public int MemoSize { get; init; } = 2 * 1024 * 1024;

    public int IdLength { get; init; } = 1000;

    public int HistoryEvents { get; init; } = 51_200;

    public long HistorySize { get; init; } = 50L * 1024 * 1024;

    public int SuggestContinueAsNewEvents { get; init; } = 4096;

    public long SuggestContinueAsNewSize { get; init; } = 4L * 1024 * 1024;

    public int PendingActivities { get; init; } = 2000;

    public int PendingChildren { get; init; } = 2000;

    public int PendingNexusOperations { get; init; } = 2000;

    public int Signals { get; init; } = 10_000;

    public int UpdatesInFlight { get; init; } = 10;

    public int UpdatesTotal { get; init; } = 2000;

    public int Callbacks { get; init; } = 2000;

    /// <summary>Queries of one run that wait for its workflow task.</summary>
    public int BufferedQueries { get; init; } = 100;

    /// <summary>Whether a workflow task's completion may come in several requests.</summary>
    public bool PagedTaskCompletions { get; init; }

    /// <summary>From so many workflow tasks in a row that failed or timed out, a run is marked; 0 for never.</summary>
    public int ReportedTaskProblems { get; init; } = 5;

    /// <summary>How long a sticky queue may go without a poll before its worker counts as gone.</summary>
    public TimeSpan StickyPollAge { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>How long a query waits for the worker of a sticky queue before any worker may answer it.</summary>
    public TimeSpan StickyQueryWait { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>An empty poll answer goes out after this, before the 70 s deadline of SDKs.</summary>
    public TimeSpan LongPoll { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>Waits for history, updates and queries answer after this with what there is.</summary>
    public TimeSpan LongWait { get; init; } = TimeSpan.FromSeconds(20);

    public TimeSpan DefaultTaskTimeout { get; init; } = TimeSpan.FromSeconds(10);

    public TimeSpan MaxTaskTimeout { get; init; } = TimeSpan.FromSeconds(120);
}
