"""`/gtt/triggers`."""

from paper.gtts import Gtts, gtt_row
from paper.web import Answer, Call, Route, Routes, data


class GttRoutes:
    """Triggers as the client places, changes, lists and deletes them."""

    def __init__(self, gtts: Gtts) -> None:
        self._gtts = gtts

    def add_to(self, routes: Routes) -> None:
        routes.add("GET", "/gtt/triggers", Route(self.all))
        routes.add("POST", "/gtt/triggers", Route(self.place))
        routes.add("GET", "/gtt/triggers/{}", Route(self.one))
        routes.add("PUT", "/gtt/triggers/{}", Route(self.modify))
        routes.add("DELETE", "/gtt/triggers/{}", Route(self.delete))

    def all(self, call: Call) -> Answer:
        return data([gtt_row(gtt) for gtt in self._gtts.of(call.user)])

    def place(self, call: Call) -> Answer:
        return data({"trigger_id": self._gtts.place(call.user, call.form)})

    def one(self, call: Call) -> Answer:
        return data(gtt_row(self._gtts.find(call.user, call.args[0])))

    def modify(self, call: Call) -> Answer:
        return data({"trigger_id": self._gtts.modify(call.user, call.args[0], call.form)})

    def delete(self, call: Call) -> Answer:
        return data({"trigger_id": self._gtts.delete(call.user, call.args[0])})
