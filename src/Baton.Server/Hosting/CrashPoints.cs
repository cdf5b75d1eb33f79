namespace Baton.Server.Hosting;

/// <summary>
/// The places between two steps of event, route, run, task and answer where a test may have the process killed; see
/// <see cref="CrashTesting.CrashPoint"/>. In the order in which one event passes them.
/// </summary>
internal static class CrashPoints
{
    /// <summary>An event was received; the log does not have it.</summary>
    public const string BeforeAppend = "event-before-append";

    /// <summary>It is in the log; its sender was not told.</summary>
    public const string AfterAppend = "event-after-append";

    /// <summary>The runs that listen were found; none was signalled.</summary>
    public const string BeforeRoute = "event-before-route";

    /// <summary>They were signalled; the log was not told.</summary>
    public const string AfterRoute = "event-after-route";

    /// <summary>A run is in the index of those that listen; it was not told what came before.</summary>
    public const string AfterListen = "event-after-listen";

    public const string BeforeCreate = "task-before-create";
    public const string AfterCreate = "task-after-create";
    public const string BeforeTell = "task-before-tell";
    public const string AfterTell = "task-after-tell";
    public const string BeforeChange = "task-before-change";
    public const string AfterChange = "task-after-change";

    /// <summary>An answer is on disk; its run was not signalled.</summary>
    public const string BeforeSignal = "task-before-signal";

    /// <summary>Its run was signalled; the message is still to be sent.</summary>
    public const string AfterSignal = "task-after-signal";

    /// <summary>An event is to be sent to a subscription.</summary>
    public const string BeforeSend = "event-before-send";

    /// <summary>Its receiver has it; the log was not told.</summary>
    public const string AfterSend = "event-after-send";

    /// <summary>The schedule of an earlier revision has handed over; that of the revision in force has not started.</summary>
    public const string AfterHandOver = "schedule-after-hand-over";

    /// <summary>The schedule has started; the records do not know.</summary>
    public const string AfterSchedule = "schedule-after-start";
}
