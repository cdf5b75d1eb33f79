using Baton.Server.Errors;

namespace Baton.Cli;

/// <summary>What the exit code of `baton` says. docs/cli.md gives the same table.</summary>
internal static class ExitCodes
{
    public const int Success = 0;

    /// <summary>The server refused, or the act failed.</summary>
    public const int Failure = 1;

    /// <summary>The command line, or a value in it, is wrong.</summary>
    public const int Usage = 2;

    /// <summary>No server answers, or it does not accept the caller.</summary>
    public const int Unreachable = 3;

    public const int NotFound = 4;

    /// <summary>The workflow that was waited for ended otherwise than completed.</summary>
    public const int NotCompleted = 5;

    /// <summary>A fault in Baton itself (EX_SOFTWARE).</summary>
    public const int Unexpected = 70;

    /// <summary>Ctrl-C or SIGTERM.</summary>
    public const int Interrupted = 130;

    public static int Of(string errorCode) => errorCode switch
    {
        ErrorCodes.Usage or ErrorCodes.InvalidInput or ErrorCodes.InvalidProject or ErrorCodes.InvalidSettings => Usage,
        ErrorCodes.ServerUnreachable or ErrorCodes.Unauthenticated or ErrorCodes.ProjectNotUp => Unreachable,
        ErrorCodes.NotFound or ErrorCodes.UnknownCode or ErrorCodes.UnknownStep => NotFound,
        ErrorCodes.WorkflowNotCompleted => NotCompleted,
        ErrorCodes.Unexpected => Unexpected,
        ErrorCodes.Interrupted => Interrupted,
        _ => Failure,
    };
}
