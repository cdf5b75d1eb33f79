using Microsoft.AspNetCore.Identity;

namespace Baton.Server.Identity;

/// <summary>A person or a service account.</summary>
internal sealed class BatonUser : IdentityUser<Guid>
{
    public BatonUser() => Id = Guid.CreateVersion7();
}
