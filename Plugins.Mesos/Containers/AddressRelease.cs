using System.Collections.Immutable;
using System.Net;

namespace Calico.Plugins.Mesos.Containers;

/// <summary>What a release did; what was free before is in none.</summary>
/// <param name="Released">Free now.</param>
/// <param name="Deferred">An endpoint uses them: they are freed with it.</param>
/// <param name="NotYours">Another adapter's, or used on another node: nothing was done.</param>
internal sealed record AddressRelease(ImmutableArray<IPAddress> Released, ImmutableArray<IPAddress> Deferred,
    ImmutableArray<IPAddress> NotYours);
