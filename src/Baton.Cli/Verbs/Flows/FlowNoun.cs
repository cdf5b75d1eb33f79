using System.CommandLine;
using Baton.Flows.Model;
using Baton.Flows.Validate;
using Baton.Server.Errors;

namespace Baton.Cli.Verbs.Flows;

/// <summary>`baton flow ...`: low-code flows from files.</summary>
internal static class FlowNoun
{
    public static Command Create() => new("flow", "Validate, run, test and draw low-code flows (Open Workflow Specification 1.0.3).")
    {
        FlowValidateVerb.Create(),
        FlowRunVerb.Create(),
        FlowTestVerb.Create(),
        FlowDiagramVerb.Create(),
    };

    public static string ReadFile(string path)
    {
        try
        {
            return File.ReadAllText(path);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new BatonException(ErrorCodes.InvalidInput, $"{path} cannot be read", exception.Message, "name a flow file", exception);
        }
    }

    /// <exception cref="BatonException">The flow has errors; the cause lists them all.</exception>
    public static FlowDefinition ReadFlow(string path)
    {
        var validation = FlowValidator.Validate(ReadFile(path));
        return validation.Definition ?? throw new BatonException(
            ErrorCodes.InvalidInput, $"{path} is not a valid flow", string.Join('\n', validation.Problems), "correct what is named, line by line");
    }
}
