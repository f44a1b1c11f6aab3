using Microsoft.Extensions.DependencyInjection;

namespace Calico.Host.Plugins;

/// <summary>Makes the contracts that an adapter's own container holds.</summary>
/// <param name="Register">Adds the contracts for the adapter of that name.</param>
internal sealed record PluginContracts(Action<string, IServiceCollection> Register);
