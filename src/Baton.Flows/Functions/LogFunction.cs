using Baton.Jq;
using Microsoft.Extensions.Logging;

namespace Baton.Flows.Functions;

internal sealed partial class LogFunction(ILoggerFactory logging) : IFlowFunction
{
    private readonly ILogger _logger = logging.CreateLogger("Baton.Flows.Log");

    public FlowFunctionDescriptor Descriptor { get; } = new("log", "1.0.0", "Writes a line to the log of the worker.",
        JqValue.Parse("""
            {"type":"object","required":["message"],"additionalProperties":false,"properties":{
              "message":{"type":"string"},
              "level":{"enum":["trace","debug","information","warning","error","critical"],"default":"information"},
              "data":{"description":"Logged beside the message, as JSON."}}}
            """),
        JqValue.Parse("""{"type":"null"}"""));

    public Task<FlowFunctionResult> InvokeAsync(FlowFunctionCall call, CancellationToken cancellationToken)
    {
        var level = call.Arguments["level"].TryGetString(out var name) ? Enum.Parse<LogLevel>(name, ignoreCase: true) : LogLevel.Information;
        Write(_logger, level, call.Flow, call.RunId, call.Task, call.Arguments["message"].GetString(), call.Arguments["data"].ToJson());
        return Task.FromResult<FlowFunctionResult>(JqValue.Null);
    }

    [LoggerMessage(EventId = EventIds.FlowLog, Message = "{Flow} {RunId} {Task}: {Message} {Data}")]
    private static partial void Write(ILogger logger, LogLevel level, string flow, string runId, string task, string message, string data);
}
