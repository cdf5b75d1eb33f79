namespace Baton.Server;

/// <summary>Every log event id of this project. Hundreds belong to folders.</summary>
internal static class EventIds
{
    // Processes
    public const int ProcessStarted = 1100;
    public const int ProcessExited = 1101;
    public const int ProcessNotStarted = 1102;
    public const int ProcessStopped = 1103;
    public const int LeftoverKilled = 1104;
    public const int ProcessIgnoresStop = 1105;
    public const int RestartRequested = 1106;

    // Http
    public const int UnforeseenFailure = 1200;
    public const int CertificateNotRead = 1201;
    public const int GraphFieldFailed = 1210;
    public const int AgentToolFailed = 1211;

    // Audit and Secrets
    public const int AuditBroken = 1500;
    public const int AuditPruned = 1501;

    // Flows and Runs
    public const int FlowWorkerStopped = 1600;
    public const int SchedulesFailed = 1601;
    public const int ScheduleStarted = 1602;
    public const int ScheduleWaits = 1603;

    // Tasks
    public const int TaskMessagesFailed = 1700;
    public const int TaskMessageUntold = 1701;
    public const int TaskRunGone = 1702;
    public const int TaskTimersFailed = 1703;
    public const int TaskWorkerStopped = 1704;
    public const int TaskOrphaned = 1705;
    public const int TaskOrphansFailed = 1706;

    // Telemetry
    public const int SpansDropped = 1800;
    public const int SpansNotWritten = 1801;
    public const int OpenWorkNotCounted = 1802;

    // Data
    public const int RetentionFailed = 1900;

    // Events
    public const int EventsTrimmed = 1950;
    public const int EventsNotTrimmed = 1951;
    public const int RouterStopped = 1952;
    public const int EventDelayed = 1953;
    public const int EventRefused = 1954;
    public const int SubscriptionsFailed = 1955;
    public const int EventNotSent = 1956;
}
