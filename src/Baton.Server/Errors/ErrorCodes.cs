namespace Baton.Server.Errors;

/// <summary>
/// Every error code of Baton, in one table. 1xxx: command line and projects, 2xxx: durable execution, 3xxx: flows,
/// 4xxx: the platform.
/// Each code has a page in Pages/CODE.md; a code is never given a second meaning.
/// </summary>
public static class ErrorCodes
{
    public const string Usage = "BT1001";
    public const string ServerUnreachable = "BT1002";
    public const string NotFound = "BT1003";
    public const string Refused = "BT1004";
    public const string AlreadyExists = "BT1005";
    public const string InvalidInput = "BT1006";
    public const string WorkflowNotCompleted = "BT1007";
    public const string Unsupported = "BT1008";
    public const string Unauthenticated = "BT1009";
    public const string Interrupted = "BT1010";
    public const string Unexpected = "BT1011";
    public const string UnknownCode = "BT1012";
    public const string CannotListen = "BT1013";
    public const string NoProject = "BT1014";
    public const string InvalidProject = "BT1015";
    public const string AlreadyUp = "BT1016";
    public const string PrepareFailed = "BT1017";
    public const string ProjectNotUp = "BT1018";

    public const string InvalidSettings = "BT4001";
    public const string Forbidden = "BT4002";
    public const string TooLarge = "BT4003";
    public const string KeyReused = "BT4010";
    public const string UnderWay = "BT4011";
    public const string TooManyRequests = "BT4012";

    public const string SignInRefused = "BT4200";
    public const string TooManyAttempts = "BT4201";
    public const string SetupLinkInvalid = "BT4202";
    public const string CsrfTokenMissing = "BT4203";

    public const string AuditBroken = "BT4300";
    public const string KeyFileUnusable = "BT4301";
    public const string KeyUnknown = "BT4302";

    public const string FourEyes = "BT4501";
    public const string NotCandidate = "BT4502";
    public const string TaskClosed = "BT4503";
    public const string TaskClaimed = "BT4504";
    public const string InvalidForm = "BT4505";
    public const string LinkInvalid = "BT4506";
    public const string InvalidFlow = "BT4401";
    public const string FlowChanged = "BT4402";
    public const string UnknownStep = "BT4403";
    public const string RunClosed = "BT4404";
    public const string EgressRefused = "BT4303";

    public const string StorageFull = "BT4701";
    public const string BackupInvalid = "BT4702";
    public const string MoveRefused = "BT4703";
    public const string InvalidEvent = "BT4100";
    public const string EventLogFull = "BT4101";
    public const string EventLogUnavailable = "BT4102";
    public const string BadSignature = "BT4103";
    public const string SecretMissing = "BT4104";
}
