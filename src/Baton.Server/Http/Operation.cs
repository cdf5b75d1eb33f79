using Microsoft.AspNetCore.Http;

namespace Baton.Server.Http;

/// <summary>
/// The id under which a request does what it does. A request that is repeated with its Idempotency-Key has the same one,
/// also after a crash in the middle: what is made with it is made once.
/// </summary>
internal sealed record Operation(Guid Id)
{
    public static Guid Of(HttpContext http)
    {
        if (http.Features.Get<Operation>() is not { } operation)
        {
            operation = new(Guid.CreateVersion7());
            http.Features.Set(operation);
        }
        return operation.Id;
    }
}
