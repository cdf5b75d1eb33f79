using Baton.Cli;
using Baton.Cli.Verbs;
using Baton.Cli.Verbs.Servers;

return await CliApp.RunAsync(BatonCommand.Create(), JqVerb.JoinPairs(ServerNoun.ExpandBareForm(args)));
