using System.CommandLine;
using Baton.Cli;
using Baton.Cli.Verbs;
using Baton.Cli.Verbs.Workflows;

var root = new RootCommand("Baton: durable automation in one process.")
{
    ExplainVerb.Create(),
    VersionVerb.Create(),
    WorkflowNoun.Create(),
};
return await CliApp.RunAsync(root, args);
