using System.Text.RegularExpressions;
using Baton.Durable.Engine;
using Baton.Durable.Hosting;
using Baton.Durable.Services;
using Google.Protobuf;
using Temporalio.Api.Nexus.V1;
using Temporalio.Api.OperatorService.V1;

namespace Baton.Durable.Nexus;

/// <summary>Nexus endpoints, as operators manage them.</summary>
internal sealed partial class NexusEndpointHandler(DurableEngine engine) : HandlerBase(engine)
{
    private const int MaxName = 200;
    private const int MaxDescription = 20_000;
    private const int MaxUrl = 4096;
    private const int MaxPage = 1000;
    private const int DefaultPage = 100;

    public Task<CreateNexusEndpointResponse> CreateNexusEndpoint(CreateNexusEndpointRequest request, CallContext call)
    {
        Require(request.Spec);
        return Engine.Run(step =>
        {
            RequireFreeName(step, request.Spec.Name, "");
            var id = Guid.NewGuid().ToString("D");
            var endpoint = new Endpoint
            {
                Id = id,
                Version = 1,
                Spec = request.Spec.Clone(),
                CreatedTime = Instant.ToTimestamp(step.Now),
                UrlPrefix = $"/nexus/endpoints/{id}/services",
            };
            step.Core.Endpoints.Put(step, endpoint);
            return new CreateNexusEndpointResponse { Endpoint = endpoint };
        });
    }

    public Task<UpdateNexusEndpointResponse> UpdateNexusEndpoint(UpdateNexusEndpointRequest request, CallContext call)
    {
        RequireEndpointId(request.Id);
        Require(request.Spec);
        return Engine.Run(step =>
        {
            var endpoint = Find(step, request.Id, request.Version).Clone();
            RequireFreeName(step, request.Spec.Name, request.Id);
            endpoint.Version++;
            endpoint.Spec = request.Spec.Clone();
            endpoint.LastModifiedTime = Instant.ToTimestamp(step.Now);
            step.Core.Endpoints.Put(step, endpoint);
            return new UpdateNexusEndpointResponse { Endpoint = endpoint };
        });
    }

    public Task<DeleteNexusEndpointResponse> DeleteNexusEndpoint(DeleteNexusEndpointRequest request, CallContext call)
    {
        RequireEndpointId(request.Id);
        if (request.Version <= 0)
        {
            throw ServiceErrors.InvalidArgument("endpoint version is non-positive");
        }

        return Engine.Run(step =>
        {
            step.Core.Endpoints.Remove(step, Find(step, request.Id, request.Version));
            return new DeleteNexusEndpointResponse();
        });
    }

    public Task<GetNexusEndpointResponse> GetNexusEndpoint(GetNexusEndpointRequest request, CallContext call)
    {
        RequireEndpointId(request.Id);
        return Engine.Run(step => new GetNexusEndpointResponse { Endpoint = Find(step, request.Id, version: null) });
    }

    public Task<ListNexusEndpointsResponse> ListNexusEndpoints(ListNexusEndpointsRequest request, CallContext call)
    {
        if (request.PageSize is < 0 or > MaxPage)
        {
            throw ServiceErrors.InvalidArgument(request.PageSize < 0 ? "page_size is negative" : $"page_size exceeds limit of {MaxPage}");
        }

        return Engine.Run(step =>
        {
            var response = new ListNexusEndpointsResponse();
            if (request.Name.Length > 0)
            {
                if (step.Core.Endpoints.TryGetByName(request.Name, out var named))
                {
                    response.Endpoints.Add(named);
                }

                return response;
            }

            var after = request.NextPageToken.ToStringUtf8();
            var size = request.PageSize > 0 ? request.PageSize : DefaultPage;
            var rest = step.Core.Endpoints.All.Where(endpoint => string.CompareOrdinal(endpoint.Id, after) > 0)
                .OrderBy(static endpoint => endpoint.Id, StringComparer.Ordinal).ToList();
            response.Endpoints.AddRange(rest.Take(size));
            if (rest.Count > size)
            {
                response.NextPageToken = ByteString.CopyFromUtf8(rest[size - 1].Id);
            }

            return response;
        });
    }

    private static Endpoint Find(Step step, string id, long? version)
    {
        if (!step.Core.Endpoints.TryGet(id, out var endpoint))
        {
            throw ServiceErrors.NotFound($"could not find Nexus endpoint with ID: {id}");
        }

        return version is { } expected && endpoint.Version != expected
            ? throw ServiceErrors.FailedPrecondition($"nexus endpoint version mismatch. received: {expected} expected {endpoint.Version}")
            : endpoint;
    }

    private static void RequireFreeName(Step step, string name, string ownId)
    {
        if (step.Core.Endpoints.TryGetByName(name, out var other) && other.Id != ownId)
        {
            throw ServiceErrors.AlreadyExists($"error creating Nexus endpoint. Endpoint with name {name} already registered");
        }
    }

    private static void RequireEndpointId(string id)
    {
        if (id.Length == 0)
        {
            throw ServiceErrors.InvalidArgument("endpoint ID not set");
        }

        if (!Guid.TryParse(id, out _))
        {
            throw ServiceErrors.InvalidArgument($"malformed endpoint ID: \"{id}\" is no UUID");
        }
    }

    private void Require(EndpointSpec? spec)
    {
        var problems = new List<string>();
        var name = spec?.Name ?? "";
        if (name.Length == 0)
        {
            problems.Add("endpoint name not set");
        }
        else
        {
            if (name.Length > MaxName)
            {
                problems.Add($"endpoint name exceeds length limit of {MaxName}");
            }

            if (!EndpointName().IsMatch(name))
            {
                problems.Add($"endpoint name must match the regex: \"{EndpointName()}\"");
            }
        }

        switch (spec?.Target?.VariantCase)
        {
            case EndpointTarget.VariantOneofCase.Worker:
                CheckWorker(spec.Target.Worker, problems);
                break;
            case EndpointTarget.VariantOneofCase.External:
                CheckExternal(spec.Target.External.Url, problems);
                break;
            default:
                problems.Add("empty target variant");
                break;
        }

        if (spec?.Description is { } description && description.CalculateSize() > MaxDescription)
        {
            problems.Add($"description size exceeds limit of {MaxDescription}");
        }

        if (problems.Count > 0)
        {
            throw ServiceErrors.InvalidArgument(string.Join(", ", problems));
        }
    }

    private void CheckWorker(EndpointTarget.Types.Worker worker, List<string> problems)
    {
        if (worker.Namespace.Length == 0)
        {
            problems.Add("target namespace not set");
        }
        else if (!Engine.Core.Namespaces.TryGet(worker.Namespace, out _))
        {
            throw ServiceErrors.FailedPrecondition($"could not verify namespace referenced by target exists: Namespace {worker.Namespace} is not found.");
        }

        if (worker.TaskQueue.Length == 0)
        {
            problems.Add("invalid target task queue: \"taskQueue is not set\"");
        }
        else if (worker.TaskQueue.Length > Limits.IdLength)
        {
            problems.Add($"invalid target task queue: \"taskQueue length exceeds limit of {Limits.IdLength}\"");
        }
    }

    private static void CheckExternal(string url, List<string> problems)
    {
        if (url.Length == 0)
        {
            problems.Add("empty target URL");
        }
        else if (url.Length > MaxUrl)
        {
            problems.Add($"target URL length exceeds limit of {MaxUrl}");
        }
        else if (!Uri.TryCreate(url, UriKind.Absolute, out var uri))
        {
            problems.Add("invalid target URL: it is not absolute");
        }
        else if (uri.Scheme != Uri.UriSchemeHttp && uri.Scheme != Uri.UriSchemeHttps)
        {
            problems.Add($"invalid target URL scheme: \"{uri.Scheme}\", expected http or https");
        }
    }

    [GeneratedRegex(@"^[a-zA-Z][a-zA-Z0-9\-]*[a-zA-Z0-9]$")]
    private static partial Regex EndpointName();
}
