using Baton.Flows.Durable;
using Temporalio.Api.Enums.V1;
using Temporalio.Api.OperatorService.V1;
using Temporalio.Client;
using Temporalio.Exceptions;

namespace Baton.Server.Runs;

/// <summary>Makes durable execution, embedded or a cluster, know the search attributes that runs carry.</summary>
internal sealed class RunAttributes(ITemporalClient client)
{
    private static readonly Dictionary<string, IndexedValueType> Wanted = new()
    {
        [FlowAttributes.Flow.Name] = IndexedValueType.Keyword,
        [FlowAttributes.Version.Name] = IndexedValueType.Keyword,
    };

    private volatile bool known;

    /// <summary>Returns once they are registered; asks the server only until then.</summary>
    public async Task EnsureAsync(CancellationToken cancel)
    {
        if (known)
        {
            return;
        }
        var rpc = new RpcOptions { CancellationToken = cancel };
        var listed = await client.OperatorService.ListSearchAttributesAsync(new ListSearchAttributesRequest { Namespace = client.Options.Namespace }, rpc);
        var missing = Wanted.Where(attribute => !listed.CustomAttributes.ContainsKey(attribute.Key)).ToList();
        if (missing.Count > 0)
        {
            var request = new AddSearchAttributesRequest { Namespace = client.Options.Namespace };
            foreach (var (name, type) in missing)
            {
                request.SearchAttributes.Add(name, type);
            }
            try
            {
                await client.OperatorService.AddSearchAttributesAsync(request, rpc);
            }
            catch (RpcException exception) when (exception.Code == RpcException.StatusCode.AlreadyExists)
            {
                // Another replica was quicker.
            }
        }
        known = true;
    }
}
