using Baton.Cli;
using Baton.Cli.Verbs.Servers;

return await CliApp.RunAsync(BatonCommand.Create(), ServerNoun.ExpandBareForm(args));
