namespace Baton.Server.Identity;

/// <summary>What a caller may do, as NOUN.VERB. Every endpoint names one; a role is a set of them.</summary>
public static class Permissions
{
    public const string FlowsRead = "flows.read";
    public const string FlowsWrite = "flows.write";
    public const string RunsRead = "runs.read";
    public const string RunsStart = "runs.start";
    public const string RunsControl = "runs.control";
    public const string ProcessesRead = "processes.read";
    public const string ProcessesControl = "processes.control";
    public const string TracesRead = "traces.read";
    public const string TracesWrite = "traces.write";
    public const string MetricsRead = "metrics.read";
    public const string AuditRead = "audit.read";
    public const string StorageRead = "storage.read";
    public const string TasksRead = "tasks.read";
    public const string TasksDecide = "tasks.decide";
    public const string TasksCreate = "tasks.create";
    public const string TasksAdmin = "tasks.admin";
    public const string TemporalRead = "temporal.read";
    public const string TemporalWrite = "temporal.write";
    public const string SecretsRead = "secrets.read";
    public const string SecretsWrite = "secrets.write";
    public const string SecretsReveal = "secrets.reveal";
    public const string UsersRead = "users.read";
    public const string UsersWrite = "users.write";

    /// <summary>One's own account. Every known caller has these, unless a token is limited to others.</summary>
    public const string SelfRead = "self.read";
    public const string SelfWrite = "self.write";
    public const string EventsRead = "events.read";
    public const string EventsPublish = "events.publish";
    public const string EventsManage = "events.manage";

    public static IReadOnlyList<string> All { get; } =
        [.. typeof(Permissions).GetFields().Where(field => field.IsLiteral).Select(field => (string)field.GetRawConstantValue()!)];
}

/// <summary>The roles as sets of permissions. A person may have several.</summary>
public static class Roles
{
    public const string Viewer = "viewer";
    public const string Operator = "operator";
    public const string Approver = "approver";
    public const string Admin = "admin";

    private static readonly string[] Reading =
    [
        Permissions.FlowsRead,
        Permissions.RunsRead,
        Permissions.ProcessesRead,
        Permissions.TracesRead,
        Permissions.MetricsRead,
        Permissions.TasksRead,
        Permissions.TemporalRead,
        Permissions.StorageRead,
        Permissions.EventsRead,
    ];

    private static readonly string[] Operating =
    [
        Permissions.RunsStart,
        Permissions.RunsControl,
        Permissions.ProcessesControl,
        Permissions.TracesWrite,
        Permissions.TasksCreate,
        Permissions.TemporalWrite,
        Permissions.EventsPublish,
        Permissions.EventsManage,
    ];

    private static readonly string[] Approving =
    [
        Permissions.TasksDecide,
    ];

    public static IReadOnlyDictionary<string, IReadOnlySet<string>> Table { get; } = new Dictionary<string, IReadOnlySet<string>>(StringComparer.Ordinal)
    {
        [Viewer] = Reading.ToHashSet(),
        [Operator] = Reading.Concat(Operating).ToHashSet(),
        [Approver] = Reading.Concat(Approving).ToHashSet(),
        [Admin] = Permissions.All.ToHashSet(),
    };
}
