using Microsoft.Extensions.Logging;

namespace Baton.Durable.Engine;

/// <summary>What the engine logs.</summary>
internal static partial class EngineLog
{
    [LoggerMessage(EventIds.StoreFailed, LogLevel.Error, "The store failed; everything not on disk is given up and read again")]
    public static partial void StoreFailed(ILogger logger, Exception exception);

    [LoggerMessage(EventIds.TransitionBroke, LogLevel.Critical, "A transition broke; everything not on disk is given up and read again")]
    public static partial void TransitionBroke(ILogger logger, Exception exception);

    [LoggerMessage(EventIds.CommitFailed, LogLevel.Error, "A commit of {Entities} entities failed; their callers are told UNAVAILABLE")]
    public static partial void CommitFailed(ILogger logger, int entities, Exception exception);

    [LoggerMessage(EventIds.MaintenanceFailed, LogLevel.Error, "Housekeeping of the store failed; it is tried again later")]
    public static partial void MaintenanceFailed(ILogger logger, Exception exception);
}
