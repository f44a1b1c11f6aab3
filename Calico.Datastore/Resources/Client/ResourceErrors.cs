using System.Collections.Immutable;
using Calico.Datastore.Sync;

namespace Calico.Datastore.Resources.Client;

/// <summary>Refusals in upstream's words, which users and scripts match.</summary>
public static class ResourceErrors
{
    public static CalicoException NotFound(ResourceKey key) =>
        new(Problem.NotFound, $"resource does not exist: {key}");

    public static CalicoException AlreadyExists(ResourceKey key) =>
        new(Problem.AlreadyExists, $"resource already exists: {key}");

    public static CalicoException Conflict(ResourceKey key) => new(Problem.Conflict, $"update conflict: {key}");

    public static CalicoException NotSupported(string operation, string identifier, string reason) =>
        new(Problem.Unsupported, $"operation {operation} is not supported on {identifier}: {reason}");

    /// <summary>One or more fields are wrong.</summary>
    public static CalicoException Invalid(ImmutableArray<ValidationError> errors) =>
        new(Problem.Invalid, ValidationError.Describe(errors), errors[0].Path);

    public static CalicoException Invalid(string path, string reason, string value = "") => Invalid([new(path, reason, value)]);
}
