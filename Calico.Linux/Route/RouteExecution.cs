namespace Calico.Linux.Route;

/// <summary>Batches of which every request is to stand.</summary>
public static class RouteExecution
{
    /// <summary>Sends the batch; throws for the first failure whose error is not tolerated.</summary>
    /// <exception cref="RouteBatchException">A request was refused; the others may stand.</exception>
    public static RouteOutcome Execute(this IRoutes routes, RouteBatch batch, params ReadOnlySpan<Errno> tolerated)
    {
        ArgumentNullException.ThrowIfNull(routes);
        return routes.Send(batch).ThrowIfFailed(tolerated);
    }

    /// <summary>Fills and executes a batch of its own: <c>route.Execute(b => b.DeleteLink(7), Errno.NoDevice)</c>.</summary>
    /// <inheritdoc cref="Execute(IRoutes, RouteBatch, ReadOnlySpan{Errno})" path="/exception"/>
    public static RouteOutcome Execute(this IRoutes routes, Action<RouteBatch> fill, params ReadOnlySpan<Errno> tolerated)
    {
        ArgumentNullException.ThrowIfNull(fill);
        using var batch = new RouteBatch();
        fill(batch);
        return routes.Execute(batch, tolerated);
    }
}
