using System.CommandLine;
using Baton.Cli.Verbs;
using Baton.Cli.Verbs.Accounts;
using Baton.Cli.Verbs.Configs;
using Baton.Cli.Verbs.Flows;
using Baton.Cli.Verbs.Runs;
using Baton.Cli.Verbs.Schedules;
using Baton.Cli.Verbs.Servers;
using Baton.Cli.Verbs.TaskQueues;
using Baton.Cli.Verbs.Traces;
using Baton.Cli.Verbs.Workflows;

namespace Baton.Cli;

/// <summary>All verbs.</summary>
internal static class BatonCommand
{
    public static RootCommand Create() => new("Baton: durable automation in one process.")
    {
        UpVerb.Create(),
        ServerNoun.Create(),
        WorkflowNoun.Create(),
        ScheduleNoun.Create(),
        FlowNoun.Create(),
        FunctionNoun.Create(),
        RunNoun.Create(),
        TaskQueueNoun.Create(),
        EventNoun.Create(),
        WebhookNoun.Create(),
        ProcessNoun.Create(),
        TaskNoun.Create(),
        TraceNoun.Create(),
        UserNoun.Create(),
        TokenNoun.Create(),
        LoginVerb.Create(),
        LoginVerb.CreateLogout(),
        SecretNoun.Create(),
        AuditNoun.Create(),
        StorageVerb.Create(),
        DbNoun.Create(),
        ConfigNoun.Create(),
        JqVerb.Create(),
        ExplainVerb.Create(),
        VersionVerb.Create(),
    };
}
