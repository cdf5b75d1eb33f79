using System.CommandLine;
using Baton.Cli;
using Baton.Cli.Verbs;

var root = new RootCommand("Baton: durable automation in one process.")
{
    ExplainVerb.Create(),
    VersionVerb.Create(),
};
return await CliApp.RunAsync(root, args);
