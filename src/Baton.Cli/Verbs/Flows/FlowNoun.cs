using System.CommandLine;
using Baton.Cli.Api;
using Baton.Cli.Options;
using Baton.Flows.Model;
using Baton.Flows.Validate;
using Baton.Server.Errors;

namespace Baton.Cli.Verbs.Flows;

/// <summary>`baton flow ...`: low-code flows, in files and on a server.</summary>
internal static class FlowNoun
{
    public static Command Create()
    {
        var api = new ApiOptions();
        return api.AddTo(new Command("flow", "Validate, run, test, draw and keep low-code flows (Open Workflow Specification 1.0.3).")
        {
            FlowValidateVerb.Create(),
            FlowRunVerb.Create(api),
            FlowTestVerb.Create(),
            FlowDiagramVerb.Create(),
            FlowApplyVerb.Create(api),
            FlowStoreVerbs.List(api),
            FlowStoreVerbs.Show(api),
            FlowStoreVerbs.Delete(api),
            FlowStoreVerbs.History(api),
        });
    }

    public static string ReadFile(string path) => InputFile.Read(path, "name a flow file");

    /// <exception cref="BatonException">The flow has errors; the cause lists them all.</exception>
    public static FlowDefinition ReadFlow(string path)
    {
        var validation = FlowValidator.Validate(ReadFile(path));
        return validation.Definition ?? throw new BatonException(
            ErrorCodes.InvalidInput, $"{path} is not a valid flow", string.Join('\n', validation.Problems), "correct what is named, line by line");
    }
}
