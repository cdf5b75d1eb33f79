namespace Baton.Durable;

/// <summary>
/// Every log event id of this project, so that an id is used once and can be searched for. Hundreds belong to folders.
/// </summary>
internal static class EventIds
{
    // Hosting
    public const int ServerStarted = 100;
    public const int ServerStopped = 101;
    public const int UnexpectedError = 102;
    public const int StoreUnavailable = 103;
    public const int ApiKeyRefused = 104;
    public const int OversizedRequest = 106;
    public const int ListensWithoutKeys = 107;

    // Engine
    public const int StoreFailed = 200;
    public const int TransitionBroke = 201;
    public const int CommitFailed = 202;
    public const int MaintenanceFailed = 203;

    // Schedules
    public const int ScheduleActionRefused = 300;
    public const int ScheduleSpecUnusable = 301;
}
