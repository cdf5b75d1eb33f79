using Baton.Flows.Parse;
using Baton.Flows.Validate;
using Baton.Jq;

namespace Baton.Flows.Hosting;

/// <summary>Inputs that people write in files.</summary>
public static class FlowInputs
{
    /// <summary>Reads a value from YAML or JSON.</summary>
    /// <exception cref="FlowFaultException">It is neither.</exception>
    public static JqValue Read(string text)
    {
        var problems = new DiagnosticBag();
        var node = SourceReader.Read(text, SourceLimits.Default, problems);
        return node is not null && !problems.HasErrors ? JqValue.Parse(node.ToUtf8Json()) : throw new FlowFaultException(FlowErrors.Configuration(problems.Sorted()[0].ToString()));
    }
}
