using System.CommandLine;
using Baton.Cli;
using Baton.Cli.Verbs;
using Baton.Cli.Verbs.Configs;
using Baton.Cli.Verbs.Schedules;
using Baton.Cli.Verbs.Servers;
using Baton.Cli.Verbs.TaskQueues;
using Baton.Cli.Verbs.Workflows;

var root = new RootCommand("Baton: durable automation in one process.")
{
    UpVerb.Create(),
    ServerNoun.Create(),
    WorkflowNoun.Create(),
    ScheduleNoun.Create(),
    TaskQueueNoun.Create(),
    ProcessNoun.Create(),
    ConfigNoun.Create(),
    ExplainVerb.Create(),
    VersionVerb.Create(),
};
return await CliApp.RunAsync(root, ServerNoun.ExpandBareForm(args));
